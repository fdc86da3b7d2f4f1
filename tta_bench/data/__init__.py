"""Data: dataset layouts, media files, transforms, features and the embedded samples."""
