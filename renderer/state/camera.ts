/** The free camera of the Scene panel, in world coordinates and scene units; shared so that it survives closing the panel. */
export interface CameraState {
  readonly position: readonly [number, number, number];
  /** Point that orbiting turns around. */
  readonly target: readonly [number, number, number];
  /** Unit vector. */
  readonly up: readonly [number, number, number];
  /** Vertical field of view. */
  readonly fovYDegrees: number;
}

export const initialCamera: CameraState = { position: [0, 0, -4], target: [0, 0, 0], up: [0, -1, 0], fovYDegrees: 50 };
