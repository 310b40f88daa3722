/** Recipe `closed-form` (methods 2.4): association through common Gaussians, then a vote. Instant; nothing is trained. */
import { z } from 'zod';
import { CLOSED_FORM_DEFAULTS, closedFormLift, type LiftRecipe } from '../objects/index.ts';
import { parseParameters } from './parameters.ts';

const share = z.number().min(0).max(1);
const defaults = CLOSED_FORM_DEFAULTS;
const schema = z.strictObject({
  linkIou: share.default(defaults.linkIou).describe('pooled IoU on co-visible Gaussians from which groups are merged'),
  mostConflicts: share.default(defaults.mostConflicts).describe('share of common views beyond which they are not'),
  leastViews: z.number().int().min(1).default(defaults.leastViews).describe('views that must show an object'),
  adoptShare: share.default(defaults.adoptShare).describe('purity from which a left-over segment votes for an object'),
  expelShare: share.default(defaults.expelShare).describe('purity below which a segment of an object does not vote'),
  rounds: z.number().int().min(0).max(20).default(defaults.rounds).describe('passes of vote, adopt and expel'),
  foregroundShare: share.default(defaults.foregroundShare).describe('share from which a pixel is foreground'),
});

export const closedForm: LiftRecipe = async (input) => {
  const parameters = parseParameters('closed-form', schema, input.parameters);
  const { reader, splats, frames, consistentIds, signal, onProgress } = input;
  const masks = consistentIds ? 'consistent' : 'inconsistent';
  const lift = await closedFormLift(reader, splats.count, frames, { ...parameters, masks }, signal, (done, total) =>
    onProgress?.('evidence', done, total),
  );
  const { votes, evidence, objectOfNode, seconds } = lift;
  return {
    lifted: {
      gaussians: splats.count,
      objects: votes.objects,
      foreground: votes.foreground,
      foregroundShare: parameters.foregroundShare,
      readout: { kind: 'votes', shares: votes.shares },
    },
    parameters: { ...parameters, masks },
    report: {
      segments: evidence.nodes.length,
      segmentsThatVote: objectOfNode.reduce((sum, object) => sum + (object > 0 ? 1 : 0), 0),
    },
    seconds,
  };
};
