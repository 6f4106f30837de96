"""What an example is, its Parquet form, its validation and the provenance audit."""
