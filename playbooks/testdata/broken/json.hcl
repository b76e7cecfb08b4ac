{ "playbook": { "p": {} } }
