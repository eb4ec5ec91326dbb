"""Measures our raster beside libraries that could stand in its place, on the built-in head without hair.

    OMP_NUM_THREADS=1 python tests/bench/bench_rasteriser_libraries.py [--size PX] [--frames N]

One thread, no display. The head's jaw opens a little more in every frame, so each library has to take new vertices.
Timed is what a label needs: new vertices in, arrays out. A library that is not installed, or that finds no driver, is
named with what it said; none of them is needed by talkie. Beside each: what it gives, whether two runs give the same
bytes, and how far its outline, triangles and depths are those of ours.
Prints one JSON document; exit code 1 where ours misses its target."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from talkie.heads import ARKIT_NAMES, builtin_head, frontal_camera
from talkie.render import rasterise_mesh

Frame = Callable[[np.ndarray], dict[str, np.ndarray]]
NEAR, FAR = 0.1, 10.0
MIN_FRAMES_A_SECOND = 100.0
ONE_THREAD = {"LP_NUM_THREADS": "1", "VTK_SMP_MAX_THREADS": "1", "PYOPENGL_PLATFORM": "egl"}
"""Read by Mesa, VTK and PyOpenGL when they are first imported."""
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
"""OpenCV's camera axes to OpenGL's."""


class View:
    """The camera that all share, in each library's words."""

    def __init__(self, size: int):
        self.size = size
        self.K, self.R, self.t = (a.double().numpy() for a in frontal_camera(size, 1.0, 2.6 * size))
        self.to_camera = np.eye(4)
        self.to_camera[:3, :3], self.to_camera[:3, 3] = self.R, self.t
        x, y = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
        local = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3) @ np.linalg.inv(self.K).T
        self.eye = (-self.R.T @ self.t).astype(np.float32)
        self.rays = (local @ self.R).astype(np.float32)
        """World directions of length such that the distance along them is the depth."""

    def pixels(self, vertices: np.ndarray) -> np.ndarray:
        camera = vertices @ self.R.T + self.t
        image = camera @ self.K.T
        return np.concatenate([image[:, :2] / image[:, 2:], camera[:, 2:]], 1)

    def clip(self) -> np.ndarray:
        """(4, 4): world to OpenGL's clip space, picture upright."""
        f, n = FAR, NEAR
        scale = 2 * self.K[0, 0] / self.size
        lens = np.array([[scale, 0, 0, 0], [0, scale, 0, 0], [0, 0, -(f + n) / (f - n), -2 * f * n / (f - n)],
                         [0, 0, -1, 0]])  # fmt: skip
        return lens @ FLIP @ self.to_camera


def ours(faces: np.ndarray, view: View) -> Frame:
    def frame(vertices: np.ndarray) -> dict[str, np.ndarray]:
        triangle, weights, depth = rasterise_mesh(view.pixels(vertices), faces, view.size)
        return {"triangle": triangle, "weights": weights, "depth": depth}

    return frame


def embreex(faces: np.ndarray, view: View) -> Frame:
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    eyes = np.repeat(view.eye[None], len(view.rays), 0)

    def frame(vertices: np.ndarray) -> dict[str, np.ndarray]:
        scene = EmbreeScene()
        TriangleMesh(scene, vertices.astype(np.float32), faces.astype(np.int32))
        hit = scene.run(eyes, view.rays, output=1)
        u, v = hit["u"], hit["v"]
        weights = np.stack([1 - u - v, u, v], -1)
        depth = np.where(hit["primID"] < 0, np.inf, hit["tfar"])
        return _square(view, triangle=hit["primID"], weights=weights, depth=depth, normal=hit["Ng"])

    return frame


def open3d(faces: np.ndarray, view: View) -> Frame:
    import open3d as o3d

    rays = o3d.core.Tensor(np.concatenate([np.repeat(view.eye[None], len(view.rays), 0), view.rays], 1))
    corners = o3d.core.Tensor(faces.astype(np.uint32))

    def frame(vertices: np.ndarray) -> dict[str, np.ndarray]:
        scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(o3d.core.Tensor(vertices.astype(np.float32)), corners)
        hit = {name: value.numpy() for name, value in scene.cast_rays(rays, nthreads=1).items()}
        triangle = hit["primitive_ids"].astype(np.int64)
        triangle[np.isinf(hit["t_hit"])] = -1
        u, v = hit["primitive_uvs"].T
        weights = np.stack([1 - u - v, u, v], -1)
        return _square(view, triangle=triangle, weights=weights, depth=hit["t_hit"], normal=hit["primitive_normals"])

    return frame


def mitsuba(faces: np.ndarray, view: View) -> Frame:
    import mitsuba as mi

    mi.set_variant("llvm_ad_rgb")
    import drjit as dr

    dr.set_thread_count(1)
    mesh = mi.Mesh("head", int(faces.max()) + 1, len(faces))
    table = mi.traverse(mesh)
    table["faces"] = dr.ravel(mi.Vector3u(faces.T.astype(np.uint32)))
    table["vertex_positions"] = mi.Float(np.random.default_rng(0).normal(size=3 * (int(faces.max()) + 1)))
    table.update()
    scene = mi.load_dict({"type": "scene", "head": mesh})
    live = mi.traverse(scene)
    name = next(k for k in live.keys() if k.endswith("vertex_positions"))  # noqa: SIM118
    length = np.linalg.norm(view.rays, axis=1)
    unit = mi.Vector3f((view.rays / length[:, None]).T)
    origin = mi.Point3f(*(float(x) for x in view.eye))

    def frame(vertices: np.ndarray) -> dict[str, np.ndarray]:
        live[name] = mi.Float(vertices.ravel().astype(np.float32))
        live.update()
        hit = scene.ray_intersect_preliminary(mi.Ray3f(origin, unit), coherent=True)
        depth = np.array(hit.t) / length
        triangle = np.where(np.isinf(depth), -1, np.array(hit.prim_index).astype(np.int64))
        # Where nothing was hit these are whatever the memory held.
        u, v = np.where(np.isinf(depth), 0, np.array(hit.prim_uv))
        return _square(view, triangle=triangle, weights=np.stack([1 - u - v, u, v], -1), depth=depth)

    return frame


def moderngl(faces: np.ndarray, view: View) -> Frame:
    import moderngl as gl

    context = gl.create_standalone_context(backend="egl")
    program = context.program(
        vertex_shader="""#version 330
            uniform mat4 clip; uniform mat4 view; in vec3 at; out float z;
            void main() { gl_Position = clip * vec4(at, 1); z = (view * vec4(at, 1)).z; }""",
        geometry_shader="""#version 330
            layout(triangles) in; layout(triangle_strip, max_vertices = 3) out;
            in float z[]; out vec4 seen; flat out int which;
            void main() {
                for (int i = 0; i < 3; i++) {
                    gl_Position = gl_in[i].gl_Position; which = gl_PrimitiveIDIn;
                    seen = vec4(i == 0, i == 1, i == 2, z[i]); EmitVertex();
                }
                EndPrimitive();
            }""",
        fragment_shader="""#version 330
            in vec4 seen; flat in int which; layout(location = 0) out vec4 label; layout(location = 1) out int id;
            void main() { label = seen; id = which; }""",
    )
    program["clip"].write(view.clip().T.astype(np.float32).tobytes())
    program["view"].write(view.to_camera.T.astype(np.float32).tobytes())
    points = context.buffer(reserve=12 * (int(faces.max()) + 1))
    array = context.vertex_array(program, [(points, "3f", "at")], context.buffer(faces.astype(np.int32).tobytes()))
    size = (view.size, view.size)
    label, which = context.texture(size, 4, dtype="f4"), context.texture(size, 1, dtype="i4")
    target = context.framebuffer([label, which], context.depth_renderbuffer(size))
    context.enable(gl.DEPTH_TEST)

    def frame(vertices: np.ndarray) -> dict[str, np.ndarray]:
        points.write(vertices.astype(np.float32).tobytes())
        target.use()
        target.clear()
        array.render()
        seen = np.frombuffer(label.read(), np.float32).reshape(*size, 4)[::-1]
        ids = np.frombuffer(which.read(), np.int32).reshape(size)[::-1]
        bare = seen[..., 3] == 0
        depth = np.where(bare, np.inf, seen[..., 3])
        return {"triangle": np.where(bare, -1, ids), "weights": seen[..., :3], "depth": depth}

    return frame


def pyrender(faces: np.ndarray, view: View) -> Frame:
    import pyrender as pr
    import trimesh

    renderer = pr.OffscreenRenderer(view.size, view.size)
    lens = pr.IntrinsicsCamera(view.K[0, 0], view.K[1, 1], view.K[0, 2], view.K[1, 2], znear=NEAR, zfar=FAR)
    pose = np.linalg.inv(FLIP @ view.to_camera)

    def frame(vertices: np.ndarray) -> dict[str, np.ndarray]:
        scene = pr.Scene()
        scene.add(pr.Mesh.from_trimesh(trimesh.Trimesh(vertices, faces, process=False)))
        scene.add(lens, pose=pose)
        scene.add(pr.DirectionalLight(intensity=3.0), pose=pose)
        colour, depth = renderer.render(scene)
        return {"colour": colour, "depth": np.where(depth == 0, np.inf, depth)}

    return frame


def vtk(faces: np.ndarray, view: View) -> Frame:
    import vtk as v
    from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy

    mesh, points, cells = v.vtkPolyData(), v.vtkPoints(), v.vtkCellArray()
    cells.ImportLegacyFormat(numpy_to_vtkIdTypeArray(np.insert(faces, 0, 3, axis=1).ravel(), deep=True))
    mesh.SetPoints(points)
    mesh.SetPolys(cells)
    mapper, actor, renderer, window = v.vtkPolyDataMapper(), v.vtkActor(), v.vtkRenderer(), v.vtkRenderWindow()
    mapper.SetInputData(mesh)
    actor.SetMapper(mapper)
    renderer.AddActor(actor)
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(view.size, view.size)
    window.AddRenderer(renderer)
    camera = renderer.GetActiveCamera()
    camera.SetPosition(view.eye)
    camera.SetFocalPoint(view.eye + view.R[2])
    camera.SetViewUp(-view.R[1])
    camera.SetViewAngle(float(np.degrees(2 * np.arctan(view.size / 2 / view.K[0, 0]))))
    camera.SetClippingRange(NEAR, FAR)
    shots = []
    for kind in ("SetInputBufferTypeToRGB", "SetInputBufferTypeToZBuffer"):
        shot = v.vtkWindowToImageFilter()
        shot.SetInput(window)
        getattr(shot, kind)()
        shot.ReadFrontBufferOff()
        shot.ShouldRerenderOff()
        shots.append(shot)

    def frame(vertices: np.ndarray) -> dict[str, np.ndarray]:
        points.SetData(numpy_to_vtk(np.ascontiguousarray(vertices), deep=True))
        mesh.Modified()
        window.Render()
        planes = []
        for shot in shots:
            shot.Modified()
            shot.Update()
            planes.append(vtk_to_numpy(shot.GetOutput().GetPointData().GetScalars()).reshape(view.size, view.size, -1))
        z = planes[1][::-1, :, 0].astype(float)
        depth = np.where(z == 1, np.inf, NEAR * FAR / (FAR - z * (FAR - NEAR)))
        return {"colour": planes[0][::-1].copy(), "depth": depth}

    return frame


def _square(view: View, **flat: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(a).reshape(view.size, view.size, *np.shape(a)[1:]) for name, a in flat.items()}


def measure(make: Callable[[np.ndarray, View], Frame], faces: np.ndarray, view: View, shapes: list[np.ndarray]) -> dict:
    """What one library gives on these shapes, or what it said instead."""
    try:
        frame = make(faces, view)
        frame(shapes[0])
    except Exception as error:  # A driver that is missing may raise anything.
        return {"skipped": f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}"}
    times, found = [], []
    for vertices in shapes:
        start = time.perf_counter()
        found.append(frame(vertices))
        times.append(time.perf_counter() - start)
    again = [frame(vertices) for vertices in shapes]
    out = {
        "outputs": sorted(found[0]),
        "frames_a_second_fastest": round(1 / min(times), 1),
        "frames_a_second_median": round(1 / float(np.median(times)), 1),
        "same_bytes_twice": all(a[k].tobytes() == b[k].tobytes() for a, b in zip(found, again, strict=True) for k in a),
    }
    agreement = [_agreement(f, vertices, faces, view) for f, vertices in zip(found, shapes, strict=True)]
    return out | {k: round(float(np.mean([a[k] for a in agreement])), 5) for k in agreement[0]}


def _agreement(found: dict[str, np.ndarray], vertices: np.ndarray, faces: np.ndarray, view: View) -> dict[str, float]:
    """Against our raster, whose tests are brute force and closed forms."""
    triangle, _, depth = rasterise_mesh(view.pixels(vertices), faces, view.size)
    both, either = np.isfinite(depth) & np.isfinite(found["depth"]), np.isfinite(depth) | np.isfinite(found["depth"])
    gap_mm = 1000 * np.abs(found["depth"][both].astype(float) - depth[both])
    out = {
        "outline_agrees": both.sum() / either.sum(),
        "depth_off_mm_median": np.median(gap_mm),
        "depth_off_mm_99_percent": np.quantile(gap_mm, 0.99),
    }
    if "triangle" in found:
        out["triangle_agrees"] = (found["triangle"] == triangle)[either].mean()
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=20)
    arguments = parser.parse_args()
    os.environ.update(ONE_THREAD)
    torch.set_num_threads(1)
    model = builtin_head()
    weights = torch.zeros(arguments.frames, 52)
    weights[:, ARKIT_NAMES.index("jawOpen")] = torch.linspace(0, 0.6, arguments.frames)
    shapes = [v.astype(np.float64) for v in model.vertices(expression=weights).numpy()]
    faces, view = np.asarray(model.faces, np.int64), View(arguments.size)
    makers = (ours, embreex, open3d, mitsuba, moderngl, pyrender, vtk)
    found = {make.__name__: measure(make, faces, view, shapes) for make in makers}
    target = f"ours: at least {MIN_FRAMES_A_SECOND:.0f} frames a second, the same bytes twice"
    mine = found["ours"]
    report = {
        "mesh": {"vertices": len(shapes[0]), "triangles": len(faces), "size": arguments.size},
        "libraries": found,
        "checks": {target: mine["frames_a_second_fastest"] >= MIN_FRAMES_A_SECOND and mine["same_bytes_twice"]},
    }
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
