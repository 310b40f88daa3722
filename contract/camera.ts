/**
 * Camera models and intrinsics. The models, their parameter names, their order and their numeric ids are COLMAP's
 * (`src/colmap/sensor/models.h`), so that files can be read and written without a translation table of our own.
 * COLMAP's EQUIRECTANGULAR (id 17) is left out: a full sphere cannot be undistorted to one pinhole image.
 *
 * Every model maps a point in OpenCV camera axes (x right, y down, z forward) to pixels whose centres lie at +0.5:
 * the top-left pixel covers [0, 1) x [0, 1).
 */
import { z } from 'zod';

/** Largest accepted image side in pixels. Also bounds the principal point. */
export const maxImageSidePx = 65_536;
/** Largest accepted focal length in pixels: a 65 536 px wide image with a field of view of half a degree. */
export const maxFocalPx = 1e7;
/** Largest accepted magnitude of a distortion coefficient. Calibrated ones are below 1e3 even in rational models. */
const maxDistortion = 1e6;

const focal = z.number().finite().gt(0).max(maxFocalPx);
const centre = z.number().finite().min(-maxImageSidePx).max(maxImageSidePx);
const distortion = z.number().finite().min(-maxDistortion).max(maxDistortion);

const side = z.int().min(1).max(maxImageSidePx);

/** Identifier of a camera within its capture. COLMAP's `camera_id` where the source has one. */
export const cameraIdSchema = z.int().min(0).max(0xffff_ffff).brand<'CameraId'>();
export type CameraId = z.infer<typeof cameraIdSchema>;

const common = { id: cameraIdSchema, width: side, height: side };
const single = { f: focal, cx: centre, cy: centre };
const double = { fx: focal, fy: focal, cx: centre, cy: centre };

const simplePinholeCameraSchema = z.strictObject({
  ...common,
  model: z.literal('SIMPLE_PINHOLE'),
  params: z.strictObject(single),
});

/** The only model that leaves import: every distorted camera becomes this one. */
export const pinholeCameraSchema = z.strictObject({
  ...common,
  model: z.literal('PINHOLE'),
  params: z.strictObject(double),
});

const simpleRadialCameraSchema = z.strictObject({
  ...common,
  model: z.literal('SIMPLE_RADIAL'),
  params: z.strictObject({ ...single, k: distortion }),
});

const radialCameraSchema = z.strictObject({
  ...common,
  model: z.literal('RADIAL'),
  params: z.strictObject({ ...single, k1: distortion, k2: distortion }),
});

const opencvCameraSchema = z.strictObject({
  ...common,
  model: z.literal('OPENCV'),
  params: z.strictObject({ ...double, k1: distortion, k2: distortion, p1: distortion, p2: distortion }),
});

const opencvFisheyeCameraSchema = z.strictObject({
  ...common,
  model: z.literal('OPENCV_FISHEYE'),
  params: z.strictObject({ ...double, k1: distortion, k2: distortion, k3: distortion, k4: distortion }),
});

const fullOpencvCameraSchema = z.strictObject({
  ...common,
  model: z.literal('FULL_OPENCV'),
  params: z.strictObject({
    ...double,
    k1: distortion,
    k2: distortion,
    p1: distortion,
    p2: distortion,
    k3: distortion,
    k4: distortion,
    k5: distortion,
    k6: distortion,
  }),
});

const fovCameraSchema = z.strictObject({
  ...common,
  model: z.literal('FOV'),
  params: z.strictObject({ ...double, omega: distortion }),
});

const simpleRadialFisheyeCameraSchema = z.strictObject({
  ...common,
  model: z.literal('SIMPLE_RADIAL_FISHEYE'),
  params: z.strictObject({ ...single, k: distortion }),
});

const radialFisheyeCameraSchema = z.strictObject({
  ...common,
  model: z.literal('RADIAL_FISHEYE'),
  params: z.strictObject({ ...single, k1: distortion, k2: distortion }),
});

const thinPrismFisheyeCameraSchema = z.strictObject({
  ...common,
  model: z.literal('THIN_PRISM_FISHEYE'),
  params: z.strictObject({
    ...double,
    k1: distortion,
    k2: distortion,
    p1: distortion,
    p2: distortion,
    k3: distortion,
    k4: distortion,
    sx1: distortion,
    sy1: distortion,
  }),
});

const radTanThinPrismFisheyeCameraSchema = z.strictObject({
  ...common,
  model: z.literal('RAD_TAN_THIN_PRISM_FISHEYE'),
  params: z.strictObject({
    ...double,
    k0: distortion,
    k1: distortion,
    k2: distortion,
    k3: distortion,
    k4: distortion,
    k5: distortion,
    p0: distortion,
    p1: distortion,
    s0: distortion,
    s1: distortion,
    s2: distortion,
    s3: distortion,
  }),
});

const simpleDivisionCameraSchema = z.strictObject({
  ...common,
  model: z.literal('SIMPLE_DIVISION'),
  params: z.strictObject({ ...single, k: distortion }),
});

const divisionCameraSchema = z.strictObject({
  ...common,
  model: z.literal('DIVISION'),
  params: z.strictObject({ ...double, k: distortion }),
});

const simpleFisheyeCameraSchema = z.strictObject({
  ...common,
  model: z.literal('SIMPLE_FISHEYE'),
  params: z.strictObject(single),
});

const fisheyeCameraSchema = z.strictObject({
  ...common,
  model: z.literal('FISHEYE'),
  params: z.strictObject(double),
});

const eucmCameraSchema = z.strictObject({
  ...common,
  model: z.literal('EUCM'),
  params: z.strictObject({ ...double, alpha: z.number().finite().min(0).max(1), beta: z.number().gt(0).max(1e3) }),
});

export const cameraSchema = z.discriminatedUnion('model', [
  simplePinholeCameraSchema,
  pinholeCameraSchema,
  simpleRadialCameraSchema,
  radialCameraSchema,
  opencvCameraSchema,
  opencvFisheyeCameraSchema,
  fullOpencvCameraSchema,
  fovCameraSchema,
  simpleRadialFisheyeCameraSchema,
  radialFisheyeCameraSchema,
  thinPrismFisheyeCameraSchema,
  radTanThinPrismFisheyeCameraSchema,
  simpleDivisionCameraSchema,
  divisionCameraSchema,
  simpleFisheyeCameraSchema,
  fisheyeCameraSchema,
  eucmCameraSchema,
]);

export type Camera = z.infer<typeof cameraSchema>;
export type PinholeCamera = z.infer<typeof pinholeCameraSchema>;
export type CameraModel = Camera['model'];
export type CameraOf<M extends CameraModel> = Extract<Camera, { model: M }>;
export type CameraParamName<M extends CameraModel> = keyof CameraOf<M>['params'] & string;

/**
 * COLMAP's numeric id of each model and the order in which its files store the parameters.
 */
export const cameraModels: {
  readonly [M in CameraModel]: { readonly colmapId: number; readonly params: readonly CameraParamName<M>[] };
} = {
  SIMPLE_PINHOLE: { colmapId: 0, params: ['f', 'cx', 'cy'] },
  PINHOLE: { colmapId: 1, params: ['fx', 'fy', 'cx', 'cy'] },
  SIMPLE_RADIAL: { colmapId: 2, params: ['f', 'cx', 'cy', 'k'] },
  RADIAL: { colmapId: 3, params: ['f', 'cx', 'cy', 'k1', 'k2'] },
  OPENCV: { colmapId: 4, params: ['fx', 'fy', 'cx', 'cy', 'k1', 'k2', 'p1', 'p2'] },
  OPENCV_FISHEYE: { colmapId: 5, params: ['fx', 'fy', 'cx', 'cy', 'k1', 'k2', 'k3', 'k4'] },
  FULL_OPENCV: {
    colmapId: 6,
    params: ['fx', 'fy', 'cx', 'cy', 'k1', 'k2', 'p1', 'p2', 'k3', 'k4', 'k5', 'k6'],
  },
  FOV: { colmapId: 7, params: ['fx', 'fy', 'cx', 'cy', 'omega'] },
  SIMPLE_RADIAL_FISHEYE: { colmapId: 8, params: ['f', 'cx', 'cy', 'k'] },
  RADIAL_FISHEYE: { colmapId: 9, params: ['f', 'cx', 'cy', 'k1', 'k2'] },
  THIN_PRISM_FISHEYE: {
    colmapId: 10,
    params: ['fx', 'fy', 'cx', 'cy', 'k1', 'k2', 'p1', 'p2', 'k3', 'k4', 'sx1', 'sy1'],
  },
  RAD_TAN_THIN_PRISM_FISHEYE: {
    colmapId: 11,
    params: ['fx', 'fy', 'cx', 'cy', 'k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'p0', 'p1', 's0', 's1', 's2', 's3'],
  },
  SIMPLE_DIVISION: { colmapId: 12, params: ['f', 'cx', 'cy', 'k'] },
  DIVISION: { colmapId: 13, params: ['fx', 'fy', 'cx', 'cy', 'k'] },
  SIMPLE_FISHEYE: { colmapId: 14, params: ['f', 'cx', 'cy'] },
  FISHEYE: { colmapId: 15, params: ['fx', 'fy', 'cx', 'cy'] },
  EUCM: { colmapId: 16, params: ['fx', 'fy', 'cx', 'cy', 'alpha', 'beta'] },
};
