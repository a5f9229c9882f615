"""Obet: promises about a customer's access, data and certificates, as facts that can be proven.

The flow is one-way: `estate` loads, `obligations` and `plan` decide (pure), the roles apply, `evidence` proves.
"""
