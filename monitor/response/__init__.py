"""Respond: from a finding to what is done about it; what is done is an event, never a call."""
