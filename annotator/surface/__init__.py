"""The body's surface: where charts, U and V lie on it, distances along it, and corrections of it."""
