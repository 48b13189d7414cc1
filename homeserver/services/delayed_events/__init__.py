"""Events that users schedule to be sent at a later time.  Spec: proposals/4140"""
