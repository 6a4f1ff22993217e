//! As much of Rust's lexical grammar as tidy needs: what is code, what is a comment, what is a string.

/// A Rust source taken apart.
pub(crate) struct Lexed {
    /// The source with comments, strings and characters blanked out; lines stay where they were.
    pub(crate) code: String,
    /// Each string literal with the number of the line it starts on, from 1.
    pub(crate) strings: Vec<(usize, String)>,
}

/// Takes `text` apart. Raw strings, nested block comments and lifetimes are told from what they resemble.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer =
        Lexer { rest: text.chars().collect(), at: 0, line: 1, code: String::new(), strings: Vec::new() };
    while let Some(next) = lexer.peek(0) {
        match (next, lexer.peek(1)) {
            ('/', Some('/')) => lexer.line_comment(),
            ('/', Some('*')) => lexer.block_comment(),
            ('"', _) => lexer.string(),
            ('r', Some('"' | '#')) if lexer.starts_raw_string() => lexer.raw_string(),
            ('\'', _) => lexer.character_or_lifetime(),
            _ => lexer.keep(),
        }
    }
    Lexed { code: lexer.code, strings: lexer.strings }
}

struct Lexer {
    rest: Vec<char>,
    at: usize,
    line: usize,
    code: String,
    strings: Vec<(usize, String)>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.at + ahead).copied()
    }

    /// Moves on by one character, counting lines.
    fn step(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn keep(&mut self) {
        if let Some(next) = self.step() {
            self.code.push(next);
        }
    }

    /// Moves on by one character and leaves a blank in the code, so that lines stay lines.
    fn blank(&mut self) -> Option<char> {
        let next = self.step()?;
        self.code.push(if next == '\n' { '\n' } else { ' ' });
        Some(next)
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|next| next != '\n') {
            self.blank();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => return,
                _ => {
                    self.blank();
                    continue;
                }
            }
            self.blank();
            self.blank();
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        let (line, mut text) = (self.line, String::new());
        self.blank();
        while let Some(next) = self.blank() {
            match next {
                '"' => break,
                '\\' => {
                    text.push('\\');
                    text.extend(self.blank());
                }
                other => text.push(other),
            }
        }
        self.strings.push((line, text));
    }

    /// `r"`, `r#"`, `br"`; not an identifier that ends in `r`, and not a raw identifier such as `r#type`.
    fn starts_raw_string(&self) -> bool {
        let before = self.code.chars().next_back();
        let within_word =
            before.is_some_and(|c| c.is_alphanumeric() || c == '_') && !matches!(before, Some('b' | 'c'));
        let mut ahead = 1;
        while self.peek(ahead) == Some('#') {
            ahead += 1;
        }
        !within_word && self.peek(ahead) == Some('"')
    }

    fn raw_string(&mut self) {
        let (line, mut text, mut hashes) = (self.line, String::new(), 0_usize);
        self.blank();
        while self.peek(0) == Some('#') {
            self.blank();
            hashes += 1;
        }
        self.blank();
        while let Some(next) = self.blank() {
            if next == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                for _ in 0..hashes {
                    self.blank();
                }
                break;
            }
            text.push(next);
        }
        self.strings.push((line, text));
    }

    /// `'a'` and `'\n'` are blanked; the `'a` of a lifetime stays.
    fn character_or_lifetime(&mut self) {
        if self.peek(1) == Some('\\') {
            self.blank();
            self.blank();
            self.blank();
            while self.blank().is_some_and(|next| next != '\'') {}
        } else if self.peek(2) == Some('\'') {
            for _ in 0..3 {
                self.blank();
            }
        } else {
            self.keep();
        }
    }
}

#[test]
fn strings_and_comments_are_told_from_code() {
    let text = "let a = \"{ \\\" }\"; // {\n/* { /* { */ } */ let b = r#\"SELECT \"x\"\"#; let c: &'a str = f('{', '\\'');\n";

    let lexed = lex(text);

    assert_eq!(lexed.strings, [(1, "{ \\\" }".to_owned()), (2, "SELECT \"x\"".to_owned())]);
    assert!(!lexed.code.contains('{') && lexed.code.contains("&'a str"));
    assert_eq!(lexed.code.lines().count(), text.lines().count());
}
