"""The library behind the app and the command line. Nothing in here imports Streamlit."""
