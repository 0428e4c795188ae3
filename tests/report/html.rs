//! A reader of pages that is stricter than a browser: what is not closed, named or labelled fails the test.

use std::collections::BTreeSet;

/// Elements that have no end.
const VOID: [&str; 2] = ["meta", "input"];

/// One element.
pub struct Element<'a> {
    pub name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    /// What is in it, as markup.
    inner: &'a str,
    /// The elements around it, outermost first.
    around: Vec<&'a str>,
}

impl<'a> Element<'a> {
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Whether somebody who does not see it is told what it is.
    fn has_name(&self) -> bool {
        let after_tag = |part: &'a str| part.split_once('>').map_or(part, |(_, text)| text);
        let text: String = self.inner.split('<').map(after_tag).collect();
        self.attribute("aria-label").is_some_and(|label| !label.is_empty()) || !text.trim().is_empty()
    }
}

/// A page, element by element.
pub struct Page<'a> {
    elements: Vec<Element<'a>>,
    text: &'a str,
}

impl<'a> Page<'a> {
    /// Reads a page.
    ///
    /// # Panics
    ///
    /// If it is not well nested.
    pub fn read(text: &'a str) -> Self {
        let body = text.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
        let mut elements: Vec<Element<'a>> = Vec::new();
        let mut open: Vec<(usize, usize)> = Vec::new();
        let mut at = 0;
        while let Some(start) = body[at..].find('<').map(|found| at + found) {
            let end = start + body[start..].find('>').expect("a tag ends");
            let tag = &body[start + 1..end];
            at = end + 1;
            if let Some(name) = tag.strip_prefix('/') {
                let (element, inner) = open.pop().unwrap_or_else(|| panic!("</{name}> closes nothing"));
                assert_eq!(elements[element].name, name, "at {}", &body[start.saturating_sub(200)..end]);
                elements[element].inner = &body[inner..start];
                continue;
            }
            let is_empty = tag.ends_with('/');
            let (name, attributes) = read_tag(tag.trim_end_matches('/'));
            let around = open.iter().map(|(element, _)| elements[*element].name).collect();
            elements.push(Element { name, attributes, inner: "", around });
            if !is_empty && !VOID.contains(&name) {
                open.push((elements.len() - 1, at));
            }
            if let "style" | "script" = name {
                at += body[at..].find(&format!("</{name}")).expect("it ends");
            }
        }
        assert!(open.is_empty(), "everything is closed");
        Self { elements, text }
    }

    pub fn elements(&self, name: &str) -> impl Iterator<Item = &Element<'a>> {
        self.elements.iter().filter(move |element| element.name == name)
    }

    pub fn with_class(&self, name: &str, class: &str) -> Vec<&Element<'a>> {
        let has = |element: &&Element<'_>| {
            element.attribute("class").is_some_and(|classes| classes.split(' ').any(|one| one == class))
        };
        self.elements(name).filter(has).collect()
    }

    /// Holds the page against what every page promises.
    pub fn check(&self) {
        self.loads_nothing();
        let ids = self.ids();
        self.refers_to(&ids);
        self.is_labelled();
        let doubled = self.elements.iter().filter(|element| matches!(element.name, "html" | "main" | "h1"));
        assert_eq!(doubled.count(), 3, "one of each");
    }

    fn loads_nothing(&self) {
        for element in &self.elements {
            for (name, value) in &element.attributes {
                assert!(!name.starts_with("on"), "{name} on {}", element.name);
                assert!(!matches!(*name, "src" | "srcset" | "action"), "{name}={value}");
                if let "href" | "xlink:href" = *name {
                    assert!(value.starts_with('#'), "{value}");
                }
            }
            assert!(
                !matches!(element.name, "link" | "iframe" | "object" | "embed" | "img" | "base"),
                "{}",
                element.name
            );
        }
        for element in self.elements("style").chain(self.elements("script")) {
            for word in ["http:", "https:", "url(", "@import", "fetch(", "XMLHttpRequest", "import(", "eval("]
            {
                assert!(!element.inner.contains(word), "{word} in {}", element.name);
            }
        }
        assert!(self.text.contains("content=\"default-src 'none';"), "and a browser would refuse to");
    }

    fn ids(&self) -> BTreeSet<&'a str> {
        let mut ids = BTreeSet::new();
        for id in self.elements.iter().filter_map(|element| element.attribute("id")) {
            assert!(ids.insert(id), "{id} twice");
        }
        ids
    }

    fn refers_to(&self, ids: &BTreeSet<&str>) {
        for element in &self.elements {
            for (name, value) in &element.attributes {
                match *name {
                    "href" => assert!(ids.contains(&value[1..]), "{value} leads nowhere"),
                    "for" | "aria-labelledby" | "aria-describedby" => {
                        assert!(ids.contains(value), "{name}={value}");
                    }
                    _ => {}
                }
            }
        }
    }

    fn is_labelled(&self) {
        let labels: BTreeSet<_> = self.elements("label").filter_map(|label| label.attribute("for")).collect();
        for element in &self.elements {
            let is_named = match element.name {
                "a" | "button" | "summary" | "caption" | "title" | "h1" | "h2" => element.has_name(),
                "input" => {
                    element.attribute("id").is_some_and(|id| labels.contains(id))
                        || element.around.contains(&"label")
                }
                "section" => {
                    element.attribute("aria-labelledby").or(element.attribute("aria-label")).is_some()
                }
                "svg" => match element.attribute("role") {
                    Some("img") => element.attribute("aria-labelledby").is_some(),
                    _ => element.attribute("aria-hidden") == Some("true"),
                },
                "table" => element.inner.contains("<caption"),
                "th" => element.attribute("scope").is_some(),
                "html" => element.attribute("lang").is_some(),
                _ => true,
            };
            assert!(is_named, "{} {:?} has no name: {}", element.name, element.attributes, element.inner);
        }
    }
}

/// The name of a tag and its attributes, each with a quoted value or none.
fn read_tag(tag: &str) -> (&str, Vec<(&str, &str)>) {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(name.chars().all(|char| char.is_ascii_alphanumeric()), "<{tag}>");
    let mut attributes = Vec::new();
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let end = rest.find([' ', '=']).unwrap_or(rest.len());
        let (attribute, after) = rest.split_at(end);
        assert!(attributes.iter().all(|(known, _)| *known != attribute), "{attribute} twice in <{tag}>");
        if let Some(quoted) = after.strip_prefix("=\"") {
            let (value, after) = quoted.split_once('"').expect("a quote ends");
            attributes.push((attribute, value));
            rest = after;
        } else {
            assert!(!after.starts_with('='), "{attribute} is quoted in <{tag}>");
            attributes.push((attribute, ""));
            rest = after;
        }
    }
    (name, attributes)
}
