"""The generated body: SMPL-X's skeleton, a plain dressed mesh that carries a head, hands, contacts and gestures."""

from talkie.heads.body.model import BodyModel, builtin_body
from talkie.heads.body.skeleton import INDEX, JOINT_NAMES, PARENTS

__all__ = ["INDEX", "JOINT_NAMES", "PARENTS", "BodyModel", "builtin_body"]
