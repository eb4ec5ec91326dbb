"""The z-buffer against brute force, closed forms and its own promises."""

import numpy as np

from talkie.render import rasterise_mesh


def brute_force(positions: np.ndarray, faces: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearest triangle and depth by solving every pixel against every triangle."""
    triangle = np.full((size, size), -1)
    depth = np.full((size, size), np.inf)
    for f, face in enumerate(faces):
        corner = positions[face]
        system = np.vstack([corner[:, :2].T, np.ones(3)])
        if abs(np.linalg.det(system)) < 1e-12:
            continue
        for y in range(size):
            for x in range(size):
                weights = np.linalg.solve(system, [x + 0.5, y + 0.5, 1.0])
                if weights.min() < 0:
                    continue
                z = 1 / (weights / corner[:, 2]).sum()
                if z < depth[y, x]:
                    depth[y, x], triangle[y, x] = z, f
    return triangle, depth


def test_random_triangles_match_brute_force() -> None:
    rng = np.random.default_rng(0)
    positions = np.column_stack([rng.uniform(-4, 20, (24, 2)), rng.uniform(1, 3, 24)])
    faces = rng.permutation(24).reshape(8, 3)
    triangle, weights, depth = rasterise_mesh(positions, faces, 16)
    wanted_triangle, wanted_depth = brute_force(positions, faces, 16)
    # A centre within rounding of an edge may fall either way.
    assert (triangle != wanted_triangle).mean() < 0.01
    same = (triangle == wanted_triangle) & (triangle >= 0)
    np.testing.assert_allclose(depth[same], wanted_depth[same], rtol=1e-5)
    np.testing.assert_allclose(weights[triangle >= 0].sum(-1), 1, atol=1e-5)


def test_a_slanted_plane_has_its_analytic_depth() -> None:
    """A plane z = 2 + 0.5 x seen at focal length 50: the ray (u, v, 1) z meets it at z = 2 / (1 - 0.5 u)."""
    corners = np.array([[-3.0, -3, 0.5], [3, -3, 3.5], [3, 3, 3.5], [-3, 3, 0.5]])
    pixels = np.column_stack([50 * corners[:, :2] / corners[:, 2:] + 32, corners[:, 2]])
    _, _, depth = rasterise_mesh(pixels, np.array([[0, 1, 2], [0, 2, 3]]), 64)
    u = (np.arange(64) + 0.5 - 32) / 50
    np.testing.assert_allclose(depth, np.broadcast_to(2 / (1 - 0.5 * u), (64, 64)), rtol=1e-5)


def test_weights_are_perspective_correct() -> None:
    """Interpolating the corners' 3-d points with the weights gives a point whose projection is the pixel."""
    corners = np.array([[-1.0, -1, 1], [2, -1, 4], [0, 2, 2]])
    pixels = np.column_stack([20 * corners[:, :2] / corners[:, 2:] + 16, corners[:, 2]])
    triangle, weights, depth = rasterise_mesh(pixels, np.array([[0, 1, 2]]), 32)
    y, x = np.nonzero(triangle == 0)
    points = weights[y, x] @ corners
    np.testing.assert_allclose(20 * points[:, :2] / points[:, 2:] + 16, np.column_stack([x + 0.5, y + 0.5]), atol=1e-3)
    np.testing.assert_allclose(points[:, 2], depth[y, x], rtol=1e-5)


def test_two_triangles_share_their_edge_without_a_gap() -> None:
    square = np.array([[2.3, 1.7, 1], [13.1, 2.9, 1], [14.2, 13.8, 1], [1.1, 12.4, 1]])
    triangle, _, _ = rasterise_mesh(square, np.array([[0, 1, 2], [0, 2, 3]]), 16)
    assert (triangle[4:12, 4:12] >= 0).all()


def test_what_lies_behind_the_camera_or_outside_is_not_drawn() -> None:
    behind = np.array([[0.0, 0, -1], [10, 0, 1], [0, 10, 1]])
    outside = np.array([[100.0, 100, 1], [110, 100, 1], [100, 110, 1]])
    triangle, _, depth = rasterise_mesh(np.concatenate([behind, outside]), np.arange(6).reshape(2, 3), (8, 12))
    assert triangle.shape == (8, 12)
    assert (triangle == -1).all()
    assert np.isinf(depth).all()
