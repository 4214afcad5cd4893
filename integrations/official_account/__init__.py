"""The hospital's official account (服务号)."""
