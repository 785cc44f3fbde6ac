"""Parameters that several metrics share."""

SHARED = {
    "generated_sample": """
        generated : array-like of shape (n_generated, n_features)
            Generated samples.
        """,
    "reference_sample": """
        reference : array-like of shape (n_reference, n_features)
            Samples to compare with. The two arguments are interchangeable.
        """,
    "reference": """
        reference : array-like of shape (n_reference, n_features)
            Samples from the distribution of the data, more than `n_neighbors`.
        """,
    "generated": """
        generated : array-like of shape (n_generated, n_features)
            Samples from a generator that was fitted to `train`.
        """,
    "test": """
        test : array-like of shape (n_test, n_features)
            Samples from the same distribution as `train` that the generator has not
            seen.
        """,
    "train": """
        train : array-like of shape (n_train, n_features)
            Samples that the generator was fitted to.
        """,
    "n_neighbors": """
        n_neighbors : int, default=5
            Number of reference samples in a neighbourhood, not counting its centre.
        """,
    "bad_neighborhoods": """
        ValueError
            If an argument is empty or not finite, the numbers of columns differ, or
            `n_neighbors` is not between 1 and ``n_reference - 1``.
        """,
    "bad_samples": """
        ValueError
            If an argument is empty or not finite, or the numbers of columns differ.
        """,
    "naeem": """
        Naeem et al., *Reliable Fidelity and Diversity Metrics for Generative Models*,
        ICML 2020, arXiv:2002.09797, section 3.
        """,
    "alaa": """
        Alaa, van Breugel, Saveliev and van der Schaar, *How Faithful is your Synthetic
        Data? Sample-level Metrics for Evaluating and Auditing Generative Models*, ICML
        2022, arXiv:2102.08921, sections 3 and 4, with the columns in place of an
        embedding.
        """,
}
