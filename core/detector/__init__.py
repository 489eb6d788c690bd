"""Find people in pictures: BlazePose's published models, run by LiteRT without a network.

An optional extra, see requirements-detect.txt: everything here imports it at its first use. Two
stages: a detector finds people in the whole picture, a landmark model finds 33 points of one
person in a turned square around them. Knows pictures as arrays; no files but the models'.
"""
