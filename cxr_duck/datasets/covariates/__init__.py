"""How classes and splits differ in age, sex, projection and the like, compared with chance."""
