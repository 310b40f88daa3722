import { useState } from 'react';
import { LANGUAGE_NEGATIVES } from '../../../contract/index.ts';
import { type QueryLayer, useStudio } from '../../state/index.ts';
import { changeQuery } from '../../tools/index.ts';
import { Button, Field, Icon } from '../../ui/index.ts';

const MAX_NEGATIVES = 31;

/** Phrases that an answer must beat; each can go, others can come. */
export function Negatives({ layer }: { layer: QueryLayer }) {
  const studio = useStudio();
  const [text, setText] = useState('');
  const { key, negatives } = layer;
  const change = (next: readonly string[]) => changeQuery(studio, key, { negatives: next });
  const usual =
    negatives.length === LANGUAGE_NEGATIVES.length && negatives.every((n, i) => n === LANGUAGE_NEGATIVES[i]);
  const phrase = text.trim();
  const problem =
    phrase === ''
      ? undefined
      : negatives.includes(phrase)
        ? 'It is there already.'
        : negatives.length >= MAX_NEGATIVES
          ? `At most ${MAX_NEGATIVES}.`
          : undefined;
  return (
    <section className="query-section">
      <h3>
        Must beat
        {!usual && (
          <Button size="small" variant="quiet" onClick={() => change(LANGUAGE_NEGATIVES)}>
            As published
          </Button>
        )}
      </h3>
      <ul className="query-chips" aria-label="Negatives">
        {negatives.map((negative) => (
          <li key={negative}>
            <span>{negative}</span>
            <button
              type="button"
              aria-label={`Remove the negative ${negative}`}
              disabled={negatives.length === 1}
              onClick={() => change(negatives.filter((one) => one !== negative))}
            >
              <Icon name="close" size={10} />
            </button>
          </li>
        ))}
      </ul>
      <form
        className="query-add"
        onSubmit={(event) => {
          event.preventDefault();
          if (phrase === '' || problem !== undefined) return;
          change([...negatives, phrase]);
          setText('');
        }}
      >
        <Field
          label="Another negative"
          hideLabel
          placeholder="another negative"
          maxLength={200}
          value={text}
          problem={problem}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="ui-button" data-size="small" disabled={phrase === '' || problem !== undefined}>
          Add
        </button>
      </form>
    </section>
  );
}
