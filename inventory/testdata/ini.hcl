[masters]
master1 ansible_host=10.0.0.1
