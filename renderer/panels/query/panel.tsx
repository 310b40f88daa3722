import { useState } from 'react';
import { useInterface, useSession, useStudio } from '../../state/index.ts';
import { Button, EmptyState, Field } from '../../ui/index.ts';
import './query.css';

/** Text queries: the field is here, the language field that would answer is not yet part of the studio, and this says so. */
export function QueryPanel() {
  const studio = useStudio();
  const asked = useInterface((state) => state.query);
  const [text, setText] = useState(asked);
  const hasSplats = useSession((state) => (state.project?.currentSplatsId ?? null) !== null);
  return (
    <div className="ui-panel">
      <form
        className="query-form"
        onSubmit={(event) => {
          event.preventDefault();
          studio.ui.setState({ query: text.trim() });
        }}
      >
        <Field
          label="What to look for"
          placeholder="for example: red mug"
          maxLength={200}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Button variant="primary" disabled>
          Find
        </Button>
      </form>
      <EmptyState
        icon="search"
        title={asked === '' ? 'Queries are not available yet' : `Cannot look for “${asked}” yet`}
      >
        Answering needs {hasSplats ? '' : 'a trained model, '}a language field lifted onto it and an installed text
        model. This version of the studio has no language fields.
      </EmptyState>
    </div>
  );
}
