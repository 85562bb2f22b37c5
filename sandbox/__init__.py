"""What stands in for the outside world on one machine: servers, providers, a partner's page; `app` never imports it."""
