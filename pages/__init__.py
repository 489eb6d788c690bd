"""The pages: thin scripts that pick, call one workflow, and show."""
