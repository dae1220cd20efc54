"""The application on uvicorn."""
