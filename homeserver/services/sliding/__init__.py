"""
Simplified sliding sync: of a user's many rooms those that a client looks at, and of these what it does not have yet.

``room_orders`` keeps each user's rooms by what happened last, ``room_filtering`` says which are in a list, ``links``
remember what every client was sent, ``entries`` writes rooms, ``extensions`` is what else may be asked for, and
``service`` waits and puts an answer together.

Spec: proposals/4186
"""
