"""Tables of the benchmarks, as CSV files and as reStructuredText."""

import csv


def write_csv(path, lines):
    """Write lines, dictionaries whose keys may differ, to a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        columns = dict.fromkeys(key for line in lines for key in line)
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def write_as_measured(path, lines):
    """Write and print every line as soon as it has been measured.

    A run that is interrupted keeps the lines that it has finished.
    """
    with path.open("w", newline="") as file:
        writer = None
        for line in lines:
            if writer is None:
                writer = csv.DictWriter(file, line, lineterminator="\n")
                writer.writeheader()
            writer.writerow(line)
            file.flush()
            print(*line.values(), flush=True)


def csv_table(title, header, rows):
    """Table in reStructuredText."""
    lines = [f".. csv-table:: {title}", "   :header-rows: 1", ""]
    lines += ["   " + ", ".join(f'"{cell}"' for cell in row) for row in (header, *rows)]
    return "\n".join([*lines, ""])
