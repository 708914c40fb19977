"""What is judged: one question a file; `@detector` registers it, discovery finds the file."""
