- name: adds the flags
  hosts: all
