"""The constants that every backend and the reference of the tests share; no code.

A Gaussian whose centre is nearer than NEAR is not drawn. Its covariance on the image is that of the first-order
(EWA) projection plus LOW_PASS on the diagonal; its alpha at a pixel's centre is
min(MAX_ALPHA, opacity exp(-d^T S^-1 d / 2)), left out below MIN_ALPHA. Gaussians are composited front to back in
the order of their centres' depth (of equal depths the first comes first); a pixel ends before the Gaussian that
would bring its transmittance to MIN_TRANSMITTANCE or below. These are the rules of Kerbl et al. 2023 as gsplat
1.5 has them; the paper's own code and gsplat 1.6 cap alpha at 0.99, so there the pixels under the centre of a
Gaussian whose opacity exceeds 0.99 differ by up to 1 %.
"""

NEAR = 0.01  # metres along the optical axis
LOW_PASS = 0.3  # square pixels
MIN_ALPHA = 1.0 / 255.0
MAX_ALPHA = 0.999
MIN_TRANSMITTANCE = 1e-4
FRUSTUM_MARGIN = 0.3  # of half the picture: how far outside it the Jacobian still follows the centre
