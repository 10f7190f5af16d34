"""Did it hold? What the viewers wrote down beside what the server says, check by check."""
