"""The providers' stand-in: ServiceTitan, Klaviyo and Twilio as one HTTP server with real auth, state and faults.

It shares no code with the application, so that neither side's misreading of a contract can hide the other's.
"""
