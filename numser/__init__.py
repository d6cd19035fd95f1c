"""numser: speech emotion recognition from scratch, after Zhong et al., Interspeech 2020."""

__version__ = "0.1.0"
