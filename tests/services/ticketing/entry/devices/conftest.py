from tests.services.ticketing.entry.at_the_gate import gate_house, selling_museum

__all__ = ["gate_house", "selling_museum"]
