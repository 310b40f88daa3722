/** How things are shown. Kept per machine (settings key `view`), never part of a project. */

export type Theme = 'system' | 'dark' | 'light';
export type FrameLayer = 'photo' | 'render' | 'residual' | 'depth' | 'instances';
export type CompareMode = 'off' | 'blend' | 'split';
export type SceneTint = 'off' | 'mixed' | 'flat';

export interface ViewState {
  readonly theme: Theme;
  readonly frames: {
    /** What fills the image. */
    readonly base: Exclude<FrameLayer, 'instances'>;
    /** The other side of blend and split. */
    readonly compareWith: Exclude<FrameLayer, 'instances'>;
    readonly compare: CompareMode;
    /** 0 shows `base` alone, 1 `compareWith`. */
    readonly blend: number;
    /** Position of the split as a fraction of the image's width. */
    readonly split: number;
    readonly instances: boolean;
    readonly instancesOpacity: number;
    /** Given masks on the left of the divider, lifted ones on the right. */
    readonly masksCompare: boolean;
    /** How much of each pixel belongs to the selected object. */
    readonly heat: boolean;
    /** Relevancy of the open queries. */
    readonly relevancy: boolean;
    readonly relevancyOpacity: number;
  };
  readonly scene: {
    readonly splats: boolean;
    readonly points: boolean;
    readonly cameras: boolean;
    readonly objects: boolean;
    /** How much of the splats' own colour is replaced by their object's. */
    readonly tint: SceneTint;
    /** The selected objects alone. */
    readonly isolate: boolean;
    /** Relevancy of the open queries, over the model. */
    readonly relevancy: boolean;
    readonly mode: 'orbit' | 'fly';
    /** The 3D camera goes where the current frame's camera was. */
    readonly followFrame: boolean;
    /** `auto`: Spark on hardware adapters, images from the worker on software ones. */
    readonly renderer: 'auto' | 'spark' | 'images';
  };
  readonly playbackFps: number;
}

export const initialView: ViewState = {
  theme: 'system',
  frames: {
    base: 'photo',
    compareWith: 'render',
    compare: 'off',
    blend: 0.5,
    split: 0.5,
    instances: true,
    instancesOpacity: 0.5,
    masksCompare: false,
    heat: false,
    relevancy: true,
    relevancyOpacity: 0.75,
  },
  scene: {
    splats: true,
    points: false,
    cameras: true,
    objects: true,
    tint: 'off',
    isolate: false,
    relevancy: true,
    mode: 'orbit',
    followFrame: true,
    renderer: 'auto',
  },
  playbackFps: 24,
};
