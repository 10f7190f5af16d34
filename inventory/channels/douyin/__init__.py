"""Douyin 抖店."""
