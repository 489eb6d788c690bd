"""Figures and the packets of the viewer: sequences in, pictures out. No Streamlit, no PyTorch."""
