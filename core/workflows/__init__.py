"""What the pages and the command line call: lift, evaluate, prepare, train."""
