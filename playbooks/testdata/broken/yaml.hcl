---
- name: motd
  hosts: all
