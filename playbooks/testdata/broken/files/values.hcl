dayz = 3
days = [1]
other {}
