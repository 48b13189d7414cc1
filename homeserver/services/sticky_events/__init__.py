"""Events that everybody in a room is told of for a while.  Spec: proposals/4354"""
