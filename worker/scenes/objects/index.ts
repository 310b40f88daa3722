export {
  buildObject,
  CATEGORIES,
  type Category,
  categoryNamed,
  chooseObjects,
  type ObjectChoice,
  wordsFor,
} from './catalogue.ts';
