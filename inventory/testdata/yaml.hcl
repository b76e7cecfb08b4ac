all:
  hosts:
    master1:
