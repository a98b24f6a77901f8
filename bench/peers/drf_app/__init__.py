"""The widgets as an application of Django REST framework."""
