Copy the audit policy to the node!
