export const SEARCH_GIVEN_UP = 'The search backwards was given up: time is where it began.';
