"""How fast Obet is, beside what people use today: `scripts/bench --help`, README.md."""
