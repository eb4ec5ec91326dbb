"""What the fit assumes about noise, people and their motion; how it is solved lives in `solve` and `arrow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from talkie.heads.model import HeadModel


class FitSettings(BaseModel):
    """Standard deviations of the Gaussian (or, for expression, Laplacian) assumptions of the fit.

    Lengths of the image are shares of the inter-ocular distance (iris centre to iris centre), so that the
    size of the crop does not matter. `*_step`: change from one frame to the next.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    noise: float = Field(default=0.02, gt=0, description="of a landmark, in inter-ocular distances")
    robust: float = Field(default=3.0, gt=0, description="residual, in `noise`, from which its weight falls (Huber)")
    independent_points: float = Field(
        default=40.0, gt=0, description="as much as the 478 points tell: the mesh network's errors are correlated"
    )
    independent_frames: float = Field(
        default=1.0,
        gt=0,
        description="as much as a clip's frames tell of identity: all share the mesh network's errors",
    )
    expression: float = Field(default=0.3, gt=0, description="scale of the sparse prior on expression weights")
    bound: float = Field(default=0.02, gt=0, description="how far a weight may leave [0, 1] before it is clipped")
    jaw: float = Field(default=0.2, gt=0, description="radians")
    jaw_beside_shape: float = Field(
        default=0.01, gt=0, description="radians, where the model opens its mouth by a shape as well (jawOpen)"
    )
    eye: float = Field(default=0.3, gt=0, description="radians")
    expression_step: float = Field(default=0.15, gt=0)
    jaw_step: float = Field(default=0.06, gt=0, description="radians")
    eye_step: float = Field(default=0.1, gt=0, description="radians")
    rotation_step: float = Field(default=0.03, gt=0, description="radians")
    translation_step: float = Field(default=0.005, gt=0, description="metres")
    focal: float = Field(
        default=0.0, ge=0, description="prior of the log of the clip's focal length over the given one; 0: it is known"
    )
    points: int = Field(
        default=160, ge=100, le=478, description="landmarks that are fitted; each stands for its neighbours as well"
    )
    iterations: int = Field(default=15, ge=1, le=200)
    tolerance: float = Field(default=5e-3, gt=0, description="relative fall of the cost below which the fit stops")

    @classmethod
    def exact(cls) -> FitSettings:
        """For landmarks that are projections of a head of the same model, as the stage's truth is: each counts, and
        perspective is read from differences of hundredths of a pixel."""
        return cls(noise=0.0002, independent_points=478.0, independent_frames=1e9, iterations=40, tolerance=1e-4)

    def for_model(self, model: HeadModel) -> FitSettings:
        """The settings with which this model is fitted: two ways to open the mouth cannot be told apart, so where the
        model has a shape for it (which is what is trained and served), the jaw stays nearly at rest."""
        if "jawOpen" not in model.expression_names:
            return self
        return self.model_copy(update={"jaw": self.jaw_beside_shape})
