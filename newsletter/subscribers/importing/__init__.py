"""Files of readers: read whoever wrote them, judged row by row, planned, brought in and taken back."""
