"""How classes and splits differ in what is no finding, beside what chance gives."""
